import { createServer } from 'node:net'
import { WeftError } from '@weft/core'
import type { ListenAddress } from './config.ts'

/**
 * Makes sure that an address can be listened on before anything else is started, and turns port 0 into a free one.
 * @throws WeftError `ADDRESS_IN_USE`, naming the flag that chooses another
 */
export async function claimAddress(address: ListenAddress, flag: string): Promise<ListenAddress> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(address.port, address.host, resolve)
    })
    const bound = server.address()
    return { host: address.host, port: typeof bound === 'object' && bound !== null ? bound.port : address.port }
  } catch (error) {
    const { code = 'unknown', message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new WeftError('ADDRESS_IN_USE', { address: formatAddress(address), flag }, { cause: error })
    throw new WeftError('INVALID_CONFIG', { problems: `${flag} ${formatAddress(address)} cannot be listened on: ${message}` }, { cause: error })
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
}

/** `HOST:PORT`, IPv6 in brackets. */
export function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
