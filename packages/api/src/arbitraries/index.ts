export * from './names.ts'
export * from './valid.ts'
export * from './invalid.ts'
export * from './manifest.ts'
