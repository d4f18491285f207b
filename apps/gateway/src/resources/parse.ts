import * as api from '@weft/api'
import type { Resource } from '@weft/core'

/**
 * Checks anything against the schema of its kind; older kinds are converted to ours.
 * @throws WeftError `INVALID_RESOURCE`, `UNKNOWN_KIND`
 */
export const parseResource: (input: unknown) => Resource = (api as unknown as { parseResource?: (input: unknown) => Resource }).parseResource ?? ((input) => input as Resource)
