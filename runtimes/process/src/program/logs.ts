import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Settings } from '../boot/settings.ts'
import type { Fifos } from './fifos.ts'
import { copyLines } from './lines.ts'

const LAST_WORDS_MS = 300

/** Where programs write their log: descriptors that they inherit, whose lines come out on our stdout and stderr. */
export interface ProgramLogs {
  readonly stdout: number
  readonly stderr: number
  /** Lets go of our ends and waits, at most 0.3 s, until what programs wrote last is handed over. */
  close(): Promise<void>
}

/** Opens the log, one pipe for stdout and one for stderr for all processes of the replica. */
export function openLogs(fifos: Fifos, settings: Pick<Settings, 'prefixLogs' | 'logLineBytes'>): ProgramLogs {
  const open = (name: 'stdout' | 'stderr') => {
    const { read, write } = fifos.toUs()
    const source = new Socket({ fd: read, readable: true, writable: false })
    const prefix = settings.prefixLogs ? { prefix: name } : {}
    const copied = copyLines(source, process[name], { ...prefix, limitBytes: settings.logLineBytes, now: () => new Date() })
    return { write, copied }
  }
  const [out, error] = [open('stdout'), open('stderr')]
  return {
    stdout: out.write,
    stderr: error.write,
    close: async () => {
      closeSync(out.write)
      closeSync(error.write)
      await Promise.race([Promise.all([out.copied, error.copied]), delay(LAST_WORDS_MS)])
    },
  }
}
