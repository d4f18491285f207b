import { unwatchFile, watchFile } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { messageOf } from '@weft/core'
import type { Log } from '@weft/kit'
import type { Config, Platform } from '@weft/standalone'

/** Often enough for a person, and works with editors that put a new file in the place of the old one. */
const LOOK_EVERY_MS = 500

/** What following a configuration file needs. */
export interface Following {
  /** Path of `weft.yaml`, whether it is there or not. */
  readonly file: string
  /** Reads everything anew, flags and environment included. */
  read(): Promise<Config>
  readonly platform: Pick<Platform, 'reconfigure'>
  readonly log: Log
}

const live = ({ tracing, accessLog }: Config) => ({ tracing, accessLog })
const others = ({ tracing: _tracing, accessLog: _accessLog, ...rest }: Config) => rest

/**
 * Puts changes of the configuration file into force while the platform runs, as far as that is possible; tells of the others. A file that cannot be read
 * changes nothing. @returns the function that ends it
 */
export function followConfig(first: Config, { file, read, platform, log }: Following): () => void {
  let current = first
  let work = Promise.resolve()
  const look = async () => {
    const next = await read()
    if (!isDeepStrictEqual(others(next), others(current))) log.warn({ file }, 'the configuration has changes that need a restart')
    if (!isDeepStrictEqual(live(next), live(current))) {
      await platform.reconfigure(next)
      log.info({ file, ...live(next) }, 'the configuration was changed and is in force')
    }
    current = next
  }
  const listener = () => {
    work = work
      .then(look)
      .catch((error: unknown) => log.error({ file, reason: messageOf(error) }, 'the changed configuration is refused; the old one stays in force'))
  }
  watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, listener)
  return () => unwatchFile(file, listener)
}
