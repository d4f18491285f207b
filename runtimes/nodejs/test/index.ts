export * from './replica.ts'
export { startProxy, type Proxy } from './proxy.ts'
export { startOutside, type Outside } from './outside.ts'
export { drainUnderTraffic } from './traffic.ts'
