/** Time zones by name, each opened once. */

import { openZone, type Zone } from '../policy/time-zone.ts';

export class Zones {
  readonly #zones = new Map<string, Zone>();

  /** A zone that Node does not know is UTC. */
  open(name: string): Zone {
    let zone = this.#zones.get(name);
    if (zone === undefined) {
      zone = openZoneOrUtc(name);
      this.#zones.set(name, zone);
    }
    return zone;
  }
}

/** The store takes no zone that is unknown; but the next version of Node may have forgotten one. */
function openZoneOrUtc(name: string): Zone {
  try {
    return openZone(name);
  } catch {
    return openZone('UTC');
  }
}
