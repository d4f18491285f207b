import type { ContractName } from './config.ts'

/** A callable of the user. */
export type Handler = (...args: never[]) => unknown

type Bag = Readonly<Record<string, unknown>>

/** An export that cannot be used; the message names what there is instead. */
class ExportError extends Error {
  override readonly name = 'ExportError'
}

const isBag = (value: unknown): value is Bag => (typeof value === 'object' || typeof value === 'function') && value !== null
const isHandler = (value: unknown): value is Handler => typeof value === 'function'

/** Own properties only: `constructor` or `__proto__` is never a handler. */
function property(bag: unknown, key: string): unknown {
  return isBag(bag) && Object.hasOwn(bag, key) ? bag[key] : undefined
}

/** By one of these an object shows that it serves gRPC. */
const GRPC_METHODS = ['injectConnection', 'createConnectionInjector', 'emit']

/** `fetch` handlers are also objects with a method `fetch`, as in Workers, Deno and Bun. */
function asHandler(value: unknown, contract: ContractName): Handler | undefined {
  if (isHandler(value)) return value
  // What takes connections is an object; its contract knows it.
  if (contract === 'grpc' && isBag(value) && GRPC_METHODS.some((name) => isHandler(value[name]))) return value as unknown as Handler
  if (contract !== 'fetch' || !isBag(value)) return undefined
  const method = value['fetch']
  return isHandler(method) ? method.bind(value) : undefined
}

function namesOf(exported: unknown): string {
  const names = isBag(exported) ? Object.keys(exported) : []
  return names.length === 0 ? 'it exports nothing' : `it exports: ${names.join(', ')}`
}

function named(exported: unknown, name: string, contract: ContractName): Handler {
  const fallback = property(exported, 'default')
  const found = asHandler(property(exported, name), contract) ?? asHandler(property(fallback, name), contract)
  if (found !== undefined) return found
  // `module.exports = function` answers to any name, as Kubeless has it
  for (const candidate of [exported, fallback]) if (isHandler(candidate)) return candidate
  throw new ExportError(`the module has no function named "${name}" (${namesOf(exported)})`)
}

function unnamed(exported: unknown, contract: ContractName): Handler {
  const fallback = property(exported, 'default')
  for (const candidate of [fallback, exported]) {
    const found = asHandler(candidate, contract)
    if (found !== undefined) return found
  }
  for (const bag of [exported, fallback]) {
    for (const name of ['handler', 'handle', 'main']) {
      const found = property(bag, name)
      if (isHandler(found)) return found
    }
    const functions = isBag(bag) ? Object.values(bag).filter(isHandler) : []
    const only = functions[0]
    if (functions.length === 1 && only !== undefined) return only
  }
  throw new ExportError(`the module exports no handler: export a default function, or name one (${namesOf(exported)})`)
}

/**
 * The handler among what a module exports: the named export, else `default`, else `module.exports` itself when it is a function, else
 * `handler`, `handle` or `main`, else the only function there is. @throws ExportError
 */
export function selectExport(exported: unknown, name: string | undefined, contract: ContractName): Handler {
  return name === undefined ? unnamed(exported, contract) : named(exported, name, contract)
}

/** A function beside the handler that takes WebSocket upgrades of the node-http contract: `upgrade(req, socket, head)`. */
export function selectUpgrade(exported: unknown, handler: Handler): Handler | undefined {
  for (const bag of [handler, exported, property(exported, 'default')]) {
    const found = property(bag, 'upgrade')
    if (isHandler(found)) return found
  }
  return undefined
}
