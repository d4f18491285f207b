export * from './snapshot.ts'
export * from './plane.ts'
