export { createGateway, type Gateway } from './gateway.ts'
export type { GatewayAddresses, GatewayAuth, GatewayLimits, GatewayListening, GatewayOptions, GatewayVersion } from './options.ts'
export { METRICS } from './metrics/names.ts'
export { openApiDocument } from './openapi/document.ts'
