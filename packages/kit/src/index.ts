export * from './log.ts'
export * from './shutdown.ts'
export * from './keyed-queue.ts'
