/** How the failure to bind reads, whichever way the socket was made. */

import { AppError, messageOf } from '../lib/errors.ts';

export type Protocol = 'udp' | 'tcp';

/** `LISTEN_IN_USE` where another process has the port, `LISTEN_FAILED` for the rest. */
export function listenError(
  protocol: Protocol,
  address: string,
  port: number,
  cause: unknown,
): AppError {
  if (cause instanceof AppError) return cause;
  const doing = `Listening on ${address} port ${port} (${protocol})`;
  switch (systemCodeOf(cause)) {
    case 'EADDRINUSE':
      return new AppError('LISTEN_IN_USE', `${doing}: the port is in use by another program`, {
        cause,
      });
    case 'EACCES':
      return new AppError('LISTEN_FAILED', `${doing}: not permitted for this user`, { cause });
    case 'EADDRNOTAVAIL':
      return new AppError('LISTEN_FAILED', `${doing}: this machine has no such address`, { cause });
    default:
      return new AppError('LISTEN_FAILED', `${doing}: ${messageOf(cause)}`, { cause });
  }
}

function systemCodeOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}
