export * from './function.ts'
