import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { isWeftError, WeftError } from '@weft/core'
import type { ListenAddress } from './config.ts'

/** Free ports are taken from here: below those that Linux gives to outgoing connections, since the proxy binds a moment after we looked. */
const FREE_PORTS = { first: 15_000, last: 32_000 } as const
const ATTEMPTS = 50

/**
 * Makes sure that an address can be listened on before anything else is started, and turns port 0 into a free one.
 * @throws WeftError `ADDRESS_IN_USE`, naming the flag that chooses another
 */
export async function claimAddress(address: ListenAddress, flag: string): Promise<ListenAddress> {
  if (address.port !== 0) return tried(address, flag)
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tried({ host: address.host, port: randomInt(FREE_PORTS.first, FREE_PORTS.last) }, flag)
    } catch (error) {
      if (!isWeftError(error, 'ADDRESS_IN_USE') || attempt === ATTEMPTS) throw error
    }
  }
}

async function tried(address: ListenAddress, flag: string): Promise<ListenAddress> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(address.port, address.host, resolve)
    })
    return address
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
