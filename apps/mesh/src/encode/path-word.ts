import { MESH_HEADERS } from './names.ts'

/** A place where calls are told of. */
export type ToldHop = 'ingress' | 'inbound' | 'outbound'

/** Envoy's word for the path as it came, without its query, which may carry tokens. At the ingress routes change the path. */
export const pathOf = (hop: ToldHop): string => (hop === 'ingress' ? `%REQ(${MESH_HEADERS.path})%` : '%PATH(NQ)%')
