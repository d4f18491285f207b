import { askOutside, type AddressGuard, type OutsideAnswer, type OutsideQuestion } from '@weft/kit'
import type { Store } from '@weft/store'

/** Asks the addresses that stand in Canary resources. Never rejects. */
export type AskOutside = (question: OutsideQuestion, namespace: string) => Promise<OutsideAnswer>

/** What {@link outsideCaller} needs. */
export interface OutsideOptions {
  readonly store: Pick<Store, 'get'>
  /** Which addresses may be asked: whoever may write a Canary writes them. */
  readonly guard: AddressGuard
  /** `http://HOST:PORT` of the ingress. */
  readonly gateway: string
}

const MESH_HOST = /^([a-z0-9-]+)(?:\.([a-z0-9-]+)(?:\.svc(?:\.cluster\.local)?)?)?$/

/** A function of the mesh is asked through the ingress, as any client asks it; what is no function must be an address that the guard lets through. */
export function outsideCaller({ store, guard, gateway }: OutsideOptions): AskOutside {
  return async (question, namespace) => {
    const inMesh = await meshUrl(question.url, namespace, store, gateway)
    return inMesh === undefined ? askOutside(question, guard) : askOutside({ ...question, url: inMesh }, undefined)
  }
}

/** Where the ingress has the function that an address names. Only names of functions that are there become part of it. */
async function meshUrl(text: string, ownNamespace: string, store: OutsideOptions['store'], gateway: string): Promise<string | undefined> {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' || !['', '8080'].includes(url.port)) return undefined
  const [, name, namespace = ownNamespace] = MESH_HOST.exec(url.hostname) ?? []
  if (name === undefined) return undefined
  const fn = await store.get({ group: 'weft.dev', kind: 'Function', namespace, name }).catch(() => undefined)
  return fn === undefined ? undefined : `${gateway}/function/${name}.${namespace}${url.pathname}${url.search}`
}
