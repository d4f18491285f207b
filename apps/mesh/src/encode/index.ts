export { createEncoder } from './encoder.ts'
export { encodeEndpoints } from './clusters.ts'
export * from './names.ts'
export type * from './types.ts'
