/** One thing that is wrong with a resource. */
export interface Violation {
  /** Path such as `spec.http[0].route[1].weight`; `''` for the whole. */
  readonly field: string
  /** What is wrong, with the legal range. */
  readonly reason: string
}

/** Most violations that are told at once. */
export const MAX_VIOLATIONS = 50

/** `path.name`, or `path["odd name"]`. */
export function child(path: string, name: string | number): string {
  if (typeof name === 'number') return `${path}[${name}]`
  if (!/^[A-Za-z_$][\w$-]*$/.test(name)) return `${path}[${JSON.stringify(name.slice(0, 80))}]`
  return path === '' ? name : `${path}.${name}`
}

/** One text for all of them. */
export function violationsText(violations: readonly Violation[]): string {
  const told = violations.slice(0, MAX_VIOLATIONS).map(({ field, reason }) => (field === '' ? reason : `${field}: ${reason}`))
  const more = violations.length - told.length
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
}

/** How a value is shown in a message: short, on one line. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
