import type { RouteModel } from '../read/models.ts'
import type { RouteMatch, RoutePath, StringMatch } from '../snapshot.ts'

/** Routes of a delegate in the place of the route that delegates. */
export interface Delegated {
  readonly routes: readonly RouteModel[]
  /** Names of the delegate's routes that no delegated call can match. */
  readonly unreachable: readonly string[]
}

/**
 * Merges as Istio does (https://istio.io/latest/docs/reference/config/networking/virtual-service/#Delegate): the delegate's conditions must be part of the
 * root's, both hold, and what the delegate does not say is taken from the root.
 */
export function delegated(root: RouteModel, delegates: readonly RouteModel[]): Delegated {
  const unreachable: string[] = []
  const routes = delegates.flatMap((delegate) => {
    const matches = mergedMatches(root.route.matches, delegate.route.matches)
    if (matches === undefined || delegate.delegate !== undefined) {
      unreachable.push(delegate.route.name)
      return []
    }
    return [{ ...delegate, mirrors: delegate.mirrors.length > 0 ? delegate.mirrors : root.mirrors, route: mergedRoute(root, delegate, matches) }]
  })
  return { routes, unreachable }
}

function mergedRoute(root: RouteModel, delegate: RouteModel, matches: readonly RouteMatch[]): RouteModel['route'] {
  const { requestHeaders, responseHeaders, ...rest } = root.route
  const own = delegate.route.requestHeaders !== undefined || delegate.route.responseHeaders !== undefined
  const headers = { ...(requestHeaders === undefined ? {} : { requestHeaders }), ...(responseHeaders === undefined ? {} : { responseHeaders }) }
  return { ...rest, ...(own ? {} : headers), ...delegate.route, name: `${root.route.name}-${delegate.route.name}`, matches }
}

/** Both conditions, for each pair that does not contradict itself; `undefined`: every pair does. */
function mergedMatches(roots: readonly RouteMatch[], leaves: readonly RouteMatch[]): readonly RouteMatch[] | undefined {
  if (roots.length === 0) return leaves
  if (leaves.length === 0) return roots
  const merged = roots.flatMap((root) => leaves.flatMap((leaf) => (conflicts(root, leaf) ? [] : [mergedMatch(root, leaf)])))
  return merged.length === 0 ? undefined : merged
}

type Named = readonly { readonly name: string; readonly match: StringMatch; readonly invert?: boolean }[]

function conflicts(root: RouteMatch, leaf: RouteMatch): boolean {
  const [rootMethod, leafMethod] = [root.methods?.[0], leaf.methods?.[0]]
  return (
    narrows(root.path?.match, leaf.path?.match) ||
    (root.path !== undefined && leaf.path !== undefined && root.path.ignoreCase !== leaf.path.ignoreCase) ||
    narrows(root.scheme, leaf.scheme) ||
    narrows(rootMethod, leafMethod) ||
    narrows(root.authority, leaf.authority) ||
    namedConflict(root.headers, leaf.headers) ||
    namedConflict(root.queryParameters, leaf.queryParameters) ||
    differs(root.port, leaf.port) ||
    commonGateways(root, leaf)?.length === 0 ||
    differs(root.sourceNamespace, leaf.sourceNamespace) ||
    Object.entries(leaf.sourceLabels ?? {}).some(([key, value]) => differs(root.sourceLabels?.[key], value))
  )
}

/** Where both hold; `undefined`: neither says. */
function commonGateways(root: RouteMatch, leaf: RouteMatch): readonly string[] | undefined {
  const { gateways } = root
  return gateways === undefined ? leaf.gateways : (leaf.gateways?.filter((name) => gateways.includes(name)) ?? gateways)
}

function differs<T>(root: T | undefined, leaf: T | undefined): boolean {
  return root !== undefined && leaf !== undefined && root !== leaf
}

function namedConflict(roots: Named, leaves: Named): boolean {
  return leaves.some((leaf) => narrows(roots.find((root) => sameName(root, leaf))?.match, leaf.match))
}

function sameName(a: Named[number], b: Named[number]): boolean {
  return a.name === b.name && a.invert === b.invert
}

/** Whether both stand and the leaf is not part of the root. Regular expressions cannot be compared: beside anything else they conflict. */
function narrows(root: RoutePath | undefined, leaf: RoutePath | undefined): boolean {
  if (root === undefined || leaf === undefined) return false
  if (root.kind === 'present') return false
  if (root.kind === 'exact') return leaf.kind !== 'exact' || leaf.value !== root.value
  if (root.kind === 'prefix') return (leaf.kind !== 'exact' && leaf.kind !== 'prefix') || !leaf.value.startsWith(root.value)
  return true
}

/** The delegate's condition, with what only the root says. */
function mergedMatch(root: RouteMatch, leaf: RouteMatch): RouteMatch {
  const rest = <T extends Named>(roots: T, leaves: T) => [...leaves, ...roots.filter((one) => !leaves.some((other) => sameName(one, other)))]
  const sourceLabels = { ...root.sourceLabels, ...leaf.sourceLabels }
  const gateways = commonGateways(root, leaf)
  return {
    ...root,
    ...leaf,
    headers: rest(root.headers, leaf.headers) as RouteMatch['headers'],
    queryParameters: rest(root.queryParameters, leaf.queryParameters),
    ...(Object.keys(sourceLabels).length === 0 ? {} : { sourceLabels }),
    ...(gateways === undefined ? {} : { gateways }),
  }
}
