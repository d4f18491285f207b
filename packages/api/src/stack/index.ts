export * from './stack.ts'
export { envsubst, type Lookup } from './envsubst.ts'
export { globMatches } from './glob.ts'
