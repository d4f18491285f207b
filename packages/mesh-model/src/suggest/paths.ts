/** Different values of one segment after which it is taken for a parameter. */
const MOST_VALUES = 4
/** Templates of one caller after which its paths are not restricted: a list that nobody reads protects nobody. */
const MOST_TEMPLATES = 20
const ANY_SEGMENT = '{*}'

/** Segments by what is below them; `ends`: a path ends here. */
interface Node {
  readonly below: Map<string, Node>
  ends: boolean
}

/**
 * Templates (`{*}` for one segment, as AuthorizationPolicy has them) that hold for all of the paths: where one place had more than four values, any value.
 * @returns `undefined` when there would be more than twenty
 */
export function pathTemplates(paths: Iterable<string>): readonly string[] | undefined {
  const root: Node = { below: new Map(), ends: false }
  for (const path of paths) add(root, path.split('/').slice(1))
  generalise(root)
  const templates = [...templatesOf(root)].toSorted()
  return templates.length > MOST_TEMPLATES ? undefined : templates
}

function add(root: Node, segments: readonly string[]): void {
  let node = root
  for (const written of segments) {
    // Policies would read these as patterns.
    const segment = /[*{}]/.test(written) ? ANY_SEGMENT : written
    const next = node.below.get(segment) ?? { below: new Map(), ends: false }
    node.below.set(segment, next)
    node = next
  }
  node.ends = true
}

function generalise(node: Node): void {
  // An empty segment is the end of `/a/`, which no parameter stands for.
  const named = [...node.below].filter(([segment]) => segment !== '')
  if (named.length > MOST_VALUES) {
    const merged: Node = { below: new Map(), ends: false }
    for (const [segment, one] of named) {
      node.below.delete(segment)
      merge(merged, one)
    }
    node.below.set(ANY_SEGMENT, merged)
  }
  for (const one of node.below.values()) generalise(one)
}

function merge(into: Node, from: Node): void {
  if (from.ends) into.ends = true
  for (const [segment, one] of from.below) {
    const known = into.below.get(segment)
    if (known === undefined) into.below.set(segment, one)
    else merge(known, one)
  }
}

function* templatesOf(node: Node, prefix = ''): Generator<string> {
  if (node.ends) yield prefix === '' ? '/' : prefix
  for (const [segment, one] of node.below) yield* templatesOf(one, `${prefix}/${segment}`)
}
