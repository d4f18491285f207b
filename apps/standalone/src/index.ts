export { ConfigFile } from './config-schema.ts'
export { readConfig, type Config } from './config.ts'
export { startPlatform, type Platform, type PlatformAssets, type PlatformWorld } from './platform.ts'
