import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ProcessConfig } from '../boot/config.ts'
import type { Settings } from '../boot/settings.ts'
import type { Fifos } from '../program/fifos.ts'
import type { ProgramLogs } from '../program/logs.ts'
import type { Call } from '../server/call.ts'

/** How calls are answered. */
export interface Mode {
  /** Answers a call. Rejects when that cannot be done; the caller's end is told by the call's signal. */
  serve(call: Call): Promise<void>
  /** Takes over the connection of an upgrade request; absent: it is served as a plain one. */
  upgrade?(call: Call, socket: Duplex, head: Buffer): Promise<void>
  /** Opens a connection to the program; absent: it has no port. @throws Error when nobody accepts */
  connect?(): Promise<Socket>
  /** Answers a call that took longer than `limitMs`. */
  timedOut(call: Call, limitMs: number): void
  /** Ends what was started, when no call is under way. */
  stop(): Promise<void>
}

/** What a mode is made from. */
export interface ModeParts {
  readonly config: ProcessConfig
  readonly settings: Settings
  /** Environment of the program. */
  readonly env: Readonly<Record<string, string>>
  readonly fifos: Fifos
  readonly logs: ProgramLogs
  /** To be called when the program ended by itself though it should not. */
  readonly fallen: (message: string) => void
}
