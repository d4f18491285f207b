import type { ProcessConfig } from '../boot/config.ts'
import { parseDuration, smallestLimit } from '../boot/duration.ts'
import type { Settings } from '../boot/settings.ts'

/** What bounds a call; 0 is no limit. */
export interface Limits {
  readonly timeoutMs: number
  readonly readTimeoutMs: number
  readonly concurrency: number
  /** Path that `/_/ready` stands for; itself when the runtime answers. */
  readonly readinessPath: string
}

/** The limits in force: of those of the platform and of the watchdog's variables, the smaller one. */
export function limitsOf(config: ProcessConfig, settings: Settings): Limits {
  return {
    timeoutMs: smallestLimit(config.timeoutMs, settings.execTimeoutMs, settings.writeTimeoutMs),
    readTimeoutMs: settings.readTimeoutMs ?? 0,
    concurrency: smallestLimit(config.concurrency, settings.maxInflight),
    readinessPath: settings.readyPath ?? config.readinessPath,
  }
}

/** Time that a call may take: the function's own, shortened (never lengthened) by `X-Timeout`. 0 is no limit. */
export function callTimeoutMs(configured: number, header: string | string[] | undefined): number {
  const asked = typeof header === 'string' ? parseDuration(header.trim()) : undefined
  return smallestLimit(configured, asked)
}
