import { ERRORS, isWeftError, messageOf, WeftError, type ErrorCode, type ErrorFields } from '@weft/core'

/** One end of a `MessagePort`, a worker or its parent port. */
export interface RpcPort {
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: unknown) => void): unknown
}

/** Methods by name; arguments and results must survive a structured clone. */
// oxlint-disable-next-line typescript/no-explicit-any -- any function; its types are known where it is called
export type Methods = { readonly [name: string]: (...args: never[]) => unknown }

interface WireError {
  readonly code?: string
  readonly fields?: ErrorFields
  readonly message: string
}

type Message =
  | { readonly kind: 'call'; readonly id: number; readonly method: string; readonly args: readonly unknown[] }
  | { readonly kind: 'tell'; readonly method: string; readonly args: readonly unknown[] }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: WireError }

function toWire(error: unknown): WireError {
  return isWeftError(error) ? { code: error.code, fields: error.fields, message: error.message } : { message: messageOf(error) }
}

const isCode = (code: string | undefined): code is ErrorCode => code !== undefined && Object.hasOwn(ERRORS, code)

function fromWire(error: WireError): Error {
  return isCode(error.code) ? new WeftError(error.code, error.fields) : new Error(error.message)
}

/** Both ends of a conversation are the same: each calls the other's methods. Errors of the registry arrive as what they are. */
export class RpcPeer<Remote extends Methods> {
  readonly #port: RpcPort
  readonly #own: Methods
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #next = 0
  #ended: Error | undefined

  constructor(port: RpcPort, own: Methods) {
    this.#port = port
    this.#own = own
    port.on('message', (message) => this.#receive(message as Message))
  }

  /** Calls a method of the other end. */
  call<K extends keyof Remote & string>(method: K, ...args: Parameters<Remote[K]>): Promise<Awaited<ReturnType<Remote[K]>>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    this.#next += 1
    const id = this.#next
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#port.postMessage({ kind: 'call', id, method, args })
    })
  }

  /** Calls a method of the other end without waiting for it. */
  tell<K extends keyof Remote & string>(method: K, ...args: Parameters<Remote[K]>): void {
    if (this.#ended === undefined) this.#port.postMessage({ kind: 'tell', method, args })
  }

  /** The other end is gone: everything that waits for it fails, and so does every later call. */
  end(reason: Error): void {
    this.#ended ??= reason
    for (const { reject } of this.#waiting.values()) reject(reason)
    this.#waiting.clear()
  }

  #receive(message: Message): void {
    switch (message.kind) {
      case 'call':
        void this.#answer(message.id, message.method, message.args)
        return
      case 'tell':
        void this.#run(message.method, message.args).catch(() => undefined)
        return
      case 'result':
        this.#take(message.id)?.resolve(message.value)
        return
      case 'error':
        this.#take(message.id)?.reject(fromWire(message.error))
        return
      default:
        message satisfies never
    }
  }

  #take(id: number): { resolve(value: unknown): void; reject(error: Error): void } | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  async #run(method: string, args: readonly unknown[]): Promise<unknown> {
    const own = Object.hasOwn(this.#own, method) ? this.#own[method] : undefined
    if (own === undefined) throw new Error(`no method ${method}`)
    return await own(...(args as never[]))
  }

  async #answer(id: number, method: string, args: readonly unknown[]): Promise<void> {
    try {
      this.#port.postMessage({ kind: 'result', id, value: await this.#run(method, args) })
    } catch (error) {
      this.#port.postMessage({ kind: 'error', id, error: toWire(error) })
    }
  }
}
