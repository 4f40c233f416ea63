/** What the audit log keeps of a change: all of it, but for the middle of MAC addresses (docs/adr/0010). */

import type { AuditEntry } from './audit.ts';
import type { SubscriberRecord } from './canonical-household.ts';
import type { Change } from './changes.ts';
import type { StoredGrant } from './grants.ts';

export function toAuditEntry({ action, kind, id, before, after }: Change): AuditEntry {
  if (kind !== 'subscriber') return { action, kind, resource: id, before, after };
  return {
    action,
    kind,
    resource: id,
    before: maskDevices(before as SubscriberRecord | null),
    after: maskDevices(after as SubscriberRecord | null),
  };
}

export function toGrantEntry(action: 'create' | 'delete', grant: StoredGrant): AuditEntry {
  const isMade = action === 'create';
  const states = isMade ? { before: null, after: grant } : { before: grant, after: null };
  return { action, kind: grant.kind, resource: grant.id, ...states };
}

function maskDevices(record: SubscriberRecord | null): SubscriberRecord | null {
  if (record?.profiles === undefined) return record;
  const profiles = record.profiles.map((profile) => {
    if (profile.devices === undefined) return profile;
    const devices = profile.devices.map((device) =>
      'mac' in device ? { mac: maskMac(device.mac) } : device,
    );
    return { ...profile, devices };
  });
  return { ...record, profiles };
}

/** Who made it and its last octet: enough to tell the devices of one home apart. */
function maskMac(mac: string): string {
  return `${mac.slice(0, 8)}:…:${mac.slice(-2)}`;
}
