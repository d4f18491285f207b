import { directError } from './local-reply.ts'
import type { Json } from './types.ts'

/** Two hosts, which the proxy joins by a comma, and user information: policies and the function could read them as different names. */
export const SEVERAL_HOSTS: readonly Json[] = [',', '@'].map((contains) => ({
  name: 'malformed-host',
  match: { prefix: '/', headers: [{ name: ':authority', string_match: { contains } }] },
  ...directError('BAD_REQUEST', { details: 'the host is not one name' }),
}))
