import { stringify } from 'yaml'
import { WeftError } from '@weft/core'
import { table } from './table.ts'

/** The formats of `-o`. */
export const OUTPUT_FORMATS = ['json', 'yaml', 'wide', 'name'] as const

/** How items are shown. */
export interface View<Item> {
  readonly heading: readonly string[]
  row(item: Item): readonly string[]
  /** Further columns of `-o wide`. */
  readonly wideHeading?: readonly string[]
  wideRow?(item: Item): readonly string[]
  /** What `-o name` prints. */
  name(item: Item): string
}

/** Renders a list in the format asked for; `undefined` is the table. @throws WeftError `INVALID_VALUE` for another format */
export function render<Item>(items: readonly Item[], view: View<Item>, format: string | undefined): string {
  switch (format) {
    case undefined:
      return table([view.heading, ...items.map((item) => view.row(item))])
    case 'wide':
      return table([[...view.heading, ...(view.wideHeading ?? [])], ...items.map((item) => [...view.row(item), ...(view.wideRow?.(item) ?? [])])])
    case 'name':
      return items.map((item) => `${view.name(item)}\n`).join('')
    default:
      return structured(items, format)
  }
}

/** Renders any value as JSON or YAML. @throws WeftError `INVALID_VALUE` */
export function structured(value: unknown, format: string): string {
  if (format === 'json') return `${JSON.stringify(value, null, 2)}\n`
  if (format === 'yaml') return stringify(value)
  throw new WeftError('INVALID_VALUE', { field: '--output', reason: `"${format}" is not one of ${OUTPUT_FORMATS.join(', ')}` })
}
