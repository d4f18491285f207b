import type { CanaryWebhook } from '@weft/api'
import { keyOf, parseDurationMs } from '@weft/core'
import type { Log } from '@weft/kit'
import type { AskOutside } from '../outside.ts'
import { runName } from '../stages.ts'
import type { CanaryDecision, CanaryInput } from '../types.ts'
import { gatesDue, gatesOf, type Due } from './gates.ts'
import { eventMetadata, payloadOf, type Moment } from './payload.ts'

/** What {@link Webhooks} needs. */
export interface WebhooksOptions {
  readonly ask: AskOutside
  readonly log: Log
  readonly now: () => number
  /** An answer came: the canary is to be looked at again. */
  readonly answered: (key: string) => void
}

const DEFAULT_TIMEOUT = '10s'
const RETRY_PAUSE_MS = 500

/** What one webhook said to one question. */
interface Answer {
  said: boolean | undefined
  asking: boolean
  askedAt: number
}

/**
 * Asks the webhooks of canaries, and keeps what they said. Nobody waits here: a decision is made with the answers that are there. In memory only: after a
 * restart they are asked again.
 */
export class Webhooks {
  readonly #options: WebhooksOptions
  readonly #ending = new AbortController()
  readonly #runs = new Map<string, { readonly run: string; readonly answers: Map<string, Answer>; readonly logged: Map<string, string> }>()

  constructor(options: WebhooksOptions) {
    this.#options = options
  }

  /** What the gates say at this point of a run; asks whoever is to be asked. */
  gates(moment: Moment, isReady: boolean): CanaryInput['gates'] {
    const hooks = moment.canary.spec.webhooks ?? []
    const answers = this.#answersOf(moment)
    const due = gatesDue(moment.rules, moment.state, isReady, moment.now)
    const said = (hook: CanaryWebhook) => {
      const question = due.find(({ type }) => type === hook.type)
      return question === undefined ? undefined : answers.get(keyOfQuestion(hook, question))?.said
    }
    for (const question of due) {
      if (question.after !== undefined && gatesOf(hooks, said)[question.after] !== 'open') continue
      for (const hook of hooks) if (hook.type === question.type) this.#askWhenDue(hook, question, moment)
    }
    return gatesOf(hooks, said)
  }

  /** Tells those who only listen what happened; nobody waits for them. */
  tell({ state, because, message = '' }: CanaryDecision, moment: Moment): void {
    if (because === undefined) return
    const told = { ...moment, state }
    const isEnd = because === 'Promoted' || because === 'RolledBack' || because === 'Aborted'
    for (const hook of moment.canary.spec.webhooks ?? []) {
      if (hook.type === 'event') void this.#post(hook, told, eventMetadata(because, message, moment.now))
      if (hook.type === 'post-rollout' && isEnd) void this.#post(hook, told)
    }
  }

  forget(key: string): void {
    this.#runs.delete(key)
  }

  /** Gives up what is under way. */
  close(): void {
    this.#ending.abort()
  }

  #answersOf({ canary, state }: Moment): Map<string, Answer> {
    const key = keyOfCanary(canary)
    const known = this.#runs.get(key)
    if (known?.run === runName(state)) return known.answers
    const answers = new Map<string, Answer>()
    this.#runs.set(key, { run: runName(state), answers, logged: new Map() })
    return answers
  }

  #askWhenDue(hook: CanaryWebhook, question: Due, moment: Moment): void {
    const answers = this.#answersOf(moment)
    const key = keyOfQuestion(hook, question)
    const before = answers.get(key)
    if (before?.asking === true || (before !== undefined && !isStale(before, question, moment.now))) return
    const answer: Answer = { said: before?.said, asking: true, askedAt: moment.now }
    answers.set(key, answer)
    void this.#post(hook, moment).then((said) => {
      answer.said = said
      answer.asking = false
      if (!this.#ending.signal.aborted) this.#options.answered(keyOfCanary(moment.canary))
    })
  }

  /** Whether it answered 2xx. Why not is in the log. */
  async #post(hook: CanaryWebhook, moment: Moment, more?: Readonly<Record<string, string>>): Promise<boolean> {
    const { namespace = 'default' } = moment.canary.metadata
    const question = {
      url: hook.url,
      method: 'POST' as const,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(payloadOf(hook, moment, more)),
      timeoutMs: parseDurationMs(hook.timeout ?? DEFAULT_TIMEOUT, 'timeout'),
      signal: this.#ending.signal,
    }
    let outcome = await this.#options.ask(question, namespace)
    for (let tries = hook.retries ?? 0; tries > 0 && !outcome.ok && !this.#ending.signal.aborted; tries -= 1) {
      await pause(RETRY_PAUSE_MS, this.#ending.signal)
      outcome = await this.#options.ask(question, namespace)
    }
    this.#say(hook, moment, outcome.ok ? `it answered ${outcome.status}` : outcome.reason)
    return outcome.ok && outcome.status >= 200 && outcome.status < 300
  }

  /** What a webhook says again and again is in the log once. */
  #say({ name, type }: CanaryWebhook, { canary }: Moment, reason: string): void {
    const key = keyOfCanary(canary)
    const logged = this.#runs.get(key)?.logged
    if (logged?.get(name) === reason) return
    logged?.set(name, reason)
    this.#options.log.info({ canary: key, webhook: name, type, reason }, 'a webhook was asked')
  }
}

function keyOfCanary({ metadata }: Moment['canary']): string {
  return keyOf({ namespace: metadata.namespace ?? 'default', name: metadata.name })
}

function keyOfQuestion(hook: CanaryWebhook, { about }: Due): string {
  return `${hook.name}/${about}`
}

/** Whoever keeps a gate and said yes is not asked again. */
function isStale({ said, askedAt }: Answer, { type, againAfterMs }: Due, now: number): boolean {
  if (againAfterMs === undefined || (said === true && type !== 'rollback')) return false
  return now - askedAt >= againAfterMs
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms).unref()
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}
