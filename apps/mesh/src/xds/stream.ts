import { TYPE_URLS } from '../encode/names.ts'
import type { ResourceName } from '../encode/types.ts'
import type { WireResource } from './resource.ts'

/** Make before break: what is referred to comes before what refers to it; removals go the other way round, after everything else. */
export const PUSH_ORDER: readonly string[] = [
  TYPE_URLS.cluster,
  TYPE_URLS.endpoints,
  TYPE_URLS.secret,
  TYPE_URLS.extension,
  TYPE_URLS.listener,
  TYPE_URLS.scopedRoute,
  TYPE_URLS.route,
  TYPE_URLS.virtualHost,
]

/** Types of which a first request without names means "all of them" (xds_protocol.rst, "How the client specifies what resources to return"). */
const WILDCARD_TYPES: ReadonlySet<string> = new Set([TYPE_URLS.listener, TYPE_URLS.cluster, TYPE_URLS.scopedRoute])
/** Types whose resources a proxy drops when told to; the others end with the resource that refers to them. */
const REMOVABLE_TYPES: ReadonlySet<string> = new Set([TYPE_URLS.listener, TYPE_URLS.cluster, TYPE_URLS.scopedRoute, TYPE_URLS.virtualHost, TYPE_URLS.extension])
/** Types of which "does not exist" is said at once, because a call or a cluster waits for it. */
const ANSWER_MISSING: ReadonlySet<string> = new Set([TYPE_URLS.cluster, TYPE_URLS.endpoints, TYPE_URLS.virtualHost])
/** A changed cluster warms until its endpoints come again, a changed listener until its routes do, even when they are as before. */
const RESEND_NEEDS: Readonly<Record<string, string>> = { [TYPE_URLS.cluster]: TYPE_URLS.endpoints, [TYPE_URLS.listener]: TYPE_URLS.route }

/**
 * Listeners that are sent at a time when a proxy asks for all of them: Envoy takes 1.6 ms for each and answers nothing meanwhile, so that without a pause nobody
 * would be served before the last one.
 */
const LISTENERS_AT_A_TIME = 50

/** What a proxy says (the parts of `DeltaDiscoveryRequest` that matter). */
export interface DeltaRequest {
  readonly typeUrl: string
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
  /** Held from before a reconnect: name → version. */
  readonly initialVersions: Readonly<Record<string, string>>
  /** Empty on requests that answer nothing. */
  readonly nonce: string
  /** Set on a refusal (NACK). */
  readonly error?: string
}

/** What it is told (`DeltaDiscoveryResponse`). */
export interface DeltaResponse {
  readonly typeUrl: string
  readonly nonce: string
  readonly resources: readonly WireResource[]
  readonly removed: readonly string[]
}

/** What the stream reads of the node that it belongs to. */
export interface NodeView {
  current(typeUrl: string, name: string): WireResource | undefined
  names(typeUrl: string): Iterable<string>
  /** Whether this version was refused already and is set aside. */
  isRejected(resource: WireResource): boolean
  /** Whether calls are waiting for it, when there is much to be sent. */
  isUrgent(resource: ResourceName): boolean
}

/** What a request meant. */
export interface RequestOutcome {
  /** The proxy refused this one resource; its last good version stays in force. */
  readonly rejected?: { readonly resource: WireResource; readonly message: string }
  /** Names subscribed to or given up. */
  readonly subscriptionsChanged: boolean
}

/** One entry of a response on its way: no resource stands for a removal. */
interface Sent {
  readonly name: string
  readonly resource?: WireResource
}

/** Numbers of one type for `weft mesh status`. */
export interface TypeStatus {
  readonly resources: number
  readonly sent: number
  readonly acked: number
  /** Milliseconds since the epoch. */
  readonly ackedAt?: number
}

class TypeState {
  wildcard = false
  requested = false
  readonly named = new Set<string>()
  /** What the proxy has or will have when it took all that was sent: name → version. */
  readonly known = new Map<string, string>()
  /** What it has for certain. */
  readonly acked = new Map<string, string>()
  readonly dirty = new Set<string>()
  /** To be sent when what was sent before is acknowledged. */
  readonly later = new Set<string>()
  /** To be answered even if nothing changed or nothing is there: it was asked for. */
  readonly asked = new Set<string>()
  /** To be sent alone, since a response with it and others was refused. */
  readonly alone = new Set<string>()
  readonly inFlight = new Map<string, readonly Sent[]>()
  /** In how many responses of those a name is. */
  readonly unanswered = new Map<string, number>()
  sentCount = 0
  ackedCount = 0
  ackedAt: number | undefined

  wants(name: string): boolean {
    return this.wildcard || this.named.has(name)
  }

  /** Goes back to what was acknowledged. */
  forget(name: string): void {
    const version = this.acked.get(name)
    if (version === undefined) this.known.delete(name)
    else this.known.set(name, version)
  }
}

/**
 * What one proxy has subscribed to, was sent and has taken, by the rules of incremental xDS. It does no input or output and knows no clock: requests and
 * changes go in, responses come out of {@link flush}. Nothing ever waits for an acknowledgement, since Envoy keeps back that of a cluster until
 * its endpoints arrive.
 */
export class DeltaStream {
  readonly #view: NodeView
  readonly #types = new Map<string, TypeState>()
  #nonce = 0

  constructor(view: NodeView) {
    this.#view = view
  }

  /** Takes a request: subscriptions count whatever its nonce is; then, if it answers a response, the acknowledgement or refusal. */
  request(request: DeltaRequest, now: number): RequestOutcome {
    const state = this.#state(request.typeUrl)
    const subscriptionsChanged = this.#subscribe(state, request)
    state.requested = true
    const sent = state.inFlight.get(request.nonce)
    if (sent === undefined) return { subscriptionsChanged }
    state.inFlight.delete(request.nonce)
    for (const { name } of sent) answered(state, name)
    if (request.error !== undefined) return { subscriptionsChanged, ...refuse(state, sent, request.error) }
    state.ackedCount = Math.max(state.ackedCount, Number(request.nonce))
    state.ackedAt = now
    for (const { name, resource } of sent) {
      if (resource === undefined) state.acked.delete(name)
      else state.acked.set(name, resource.version)
    }
    return { subscriptionsChanged }
  }

  #subscribe(state: TypeState, request: DeltaRequest): boolean {
    const { typeUrl } = request
    for (const [name, version] of Object.entries(request.initialVersions)) {
      state.known.set(name, version)
      state.acked.set(name, version)
      state.dirty.add(name)
    }
    const legacyWildcard = !state.requested && request.subscribe.length === 0 && WILDCARD_TYPES.has(typeUrl)
    for (const name of request.subscribe) if (name !== '*') this.#subscribeName(state, name, request)
    if (legacyWildcard || request.subscribe.includes('*')) {
      state.wildcard = true
      for (const name of this.#view.names(typeUrl)) (this.#mayWait(typeUrl, name) ? state.later : state.dirty).add(name)
    }
    for (const name of request.unsubscribe) unsubscribe(state, name)
    return legacyWildcard || request.subscribe.length > 0 || request.unsubscribe.length > 0
  }

  #mayWait(typeUrl: string, name: string): boolean {
    return typeUrl === TYPE_URLS.listener && !this.#view.isUrgent({ typeUrl, name })
  }

  /** A name asked for again is sent again, unless the proxy has just said which version it holds. */
  #subscribeName(state: TypeState, name: string, request: DeltaRequest): void {
    state.named.add(name)
    state.dirty.add(name)
    if (!Object.hasOwn(request.initialVersions, name)) state.asked.add(name)
  }

  /** Resources of the node changed, came or went. */
  changed(typeUrl: string, names: Iterable<string>): void {
    const state = this.#types.get(typeUrl)
    if (state === undefined) return
    for (const name of names) if (state.wants(name)) state.dirty.add(name)
  }

  /** Does not let a resource wait any longer. */
  hasten(typeUrl: string, name: string): void {
    const state = this.#types.get(typeUrl)
    if (state?.later.delete(name) === true) state.dirty.add(name)
  }

  /** A refused resource is to be sent once more, alone. */
  retry(typeUrl: string, name: string): void {
    const state = this.#types.get(typeUrl)
    if (state?.wants(name) !== true) return
    state.alone.add(name)
    state.dirty.add(name)
  }

  /** Everything that is to be sent now, in the order in which it must be sent. Empty when nothing changed: calling it again is harmless. */
  flush(): readonly DeltaResponse[] {
    const responses: DeltaResponse[] = []
    const removals: DeltaResponse[] = []
    for (const typeUrl of PUSH_ORDER) {
      const state = this.#types.get(typeUrl)
      if (state === undefined || (state.dirty.size === 0 && state.asked.size === 0 && !takeLater(state))) continue
      let { updates, removed } = this.#collect(typeUrl, state)
      while (updates.length === 0 && removed.length === 0 && takeLater(state)) ({ updates, removed } = this.#collect(typeUrl, state))
      for (const { name, resource } of updates) if (resource !== undefined && state.known.has(name)) this.#resendNeeds(resource)
      responses.push(...this.#respond(typeUrl, state, updates))
      removals.unshift(...this.#respond(typeUrl, state, removed))
    }
    return [...responses, ...removals]
  }

  #collect(typeUrl: string, state: TypeState): { updates: Sent[]; removed: Sent[] } {
    const updates: Sent[] = []
    const removed: Sent[] = []
    for (const name of new Set([...state.dirty, ...state.asked])) {
      if (!state.wants(name)) continue
      const resource = this.#view.current(typeUrl, name)
      if (resource !== undefined) {
        if (!this.#view.isRejected(resource) && (state.asked.has(name) || state.known.get(name) !== resource.version)) updates.push({ name, resource })
      } else if (state.known.has(name) && REMOVABLE_TYPES.has(typeUrl)) removed.push({ name })
      else if (state.asked.has(name) && ANSWER_MISSING.has(typeUrl)) removed.push({ name })
      else {
        state.known.delete(name)
        state.acked.delete(name)
      }
    }
    state.dirty.clear()
    state.asked.clear()
    return { updates, removed }
  }

  #respond(typeUrl: string, state: TypeState, entries: readonly Sent[]): readonly DeltaResponse[] {
    const apart = entries.filter(({ name }) => state.alone.delete(name))
    const together = apart.length === 0 ? entries : entries.filter((entry) => !apart.includes(entry))
    return [...apart.map((entry) => [entry]), ...(together.length === 0 ? [] : [together])].map((group) => this.#send(typeUrl, state, group))
  }

  #resendNeeds(resource: WireResource): void {
    const dependent = RESEND_NEEDS[resource.typeUrl]
    for (const need of resource.needs) {
      const state = need.typeUrl === dependent ? this.#types.get(need.typeUrl) : undefined
      if (state?.named.has(need.name)) state.asked.add(need.name)
    }
  }

  #send(typeUrl: string, state: TypeState, sent: readonly Sent[]): DeltaResponse {
    this.#nonce += 1
    state.sentCount = this.#nonce
    const nonce = String(this.#nonce)
    state.inFlight.set(nonce, sent)
    for (const { name, resource } of sent) {
      state.unanswered.set(name, (state.unanswered.get(name) ?? 0) + 1)
      if (resource === undefined) state.known.delete(name)
      else state.known.set(name, resource.version)
    }
    const resources = sent.flatMap(({ resource }) => resource ?? [])
    return { typeUrl, nonce, resources, removed: sent.filter(({ resource }) => resource === undefined).map(({ name }) => name) }
  }

  #state(typeUrl: string): TypeState {
    const known = this.#types.get(typeUrl)
    if (known !== undefined) return known
    const state = new TypeState()
    this.#types.set(typeUrl, state)
    return state
  }

  /** Names asked for one by one, the wildcard left out. */
  namedSubscriptions(typeUrl: string): ReadonlySet<string> {
    return this.#types.get(typeUrl)?.named ?? new Set()
  }

  /** Whether the proxy has subscribed to it, by name or by wildcard. */
  wants(typeUrl: string, name: string): boolean {
    return this.#types.get(typeUrl)?.wants(name) ?? false
  }

  /** The version that the proxy has acknowledged last; another may be on its way ({@link isUnanswered}). */
  ackedVersion(typeUrl: string, name: string): string | undefined {
    return this.#types.get(typeUrl)?.acked.get(name)
  }

  /** Whether something was sent of it that the proxy has not answered: what it has is not what it acknowledged for long. */
  isUnanswered(typeUrl: string, name: string): boolean {
    return this.#types.get(typeUrl)?.unanswered.has(name) ?? false
  }

  status(): ReadonlyMap<string, TypeStatus> {
    return new Map(
      [...this.#types].map(([typeUrl, state]) => {
        const base = { resources: state.acked.size, sent: state.sentCount, acked: state.ackedCount }
        return [typeUrl, state.ackedAt === undefined ? base : { ...base, ackedAt: state.ackedAt }]
      }),
    )
  }
}

/** Takes the next ones of many, when the proxy has answered what it was sent. @returns whether there are any */
function takeLater(state: TypeState): boolean {
  if (state.inFlight.size > 0) return false
  for (const name of state.later) {
    if (state.dirty.size >= LISTENERS_AT_A_TIME) break
    state.later.delete(name)
    state.dirty.add(name)
  }
  return state.dirty.size > 0
}

function answered(state: TypeState, name: string): void {
  const left = (state.unanswered.get(name) ?? 0) - 1
  if (left > 0) state.unanswered.set(name, left)
  else state.unanswered.delete(name)
}

function unsubscribe(state: TypeState, name: string): void {
  if (name === '*') {
    state.wildcard = false
    for (const known of state.known.keys()) if (!state.named.has(known)) state.known.delete(known)
    for (const acked of state.acked.keys()) if (!state.named.has(acked)) state.acked.delete(acked)
    return
  }
  state.named.delete(name)
  if (state.wildcard) {
    // It stays subscribed by the wildcard, and the proxy must be told whether it is still there.
    state.asked.add(name)
    return
  }
  state.known.delete(name)
  state.acked.delete(name)
}

/** One refused resource is set aside; of several each is sent again alone, so that the culprit shows itself and the others come into force. */
function refuse(state: TypeState, sent: readonly Sent[], message: string): { rejected?: { resource: WireResource; message: string } } {
  for (const { name } of sent) state.forget(name)
  const [only] = sent
  if (sent.length === 1) return only?.resource === undefined ? {} : { rejected: { resource: only.resource, message } }
  for (const { name } of sent) {
    state.alone.add(name)
    state.dirty.add(name)
  }
  return {}
}
