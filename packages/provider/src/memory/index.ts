export { MemoryProvider, type MemoryProviderOptions, type StartRule } from './provider.ts'
