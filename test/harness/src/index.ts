export { ask, type Answer, type AskOptions } from './http.ts'
export { startLoad, type Failure, type LoadResult, type RunningLoad } from './load.ts'
export { run, TestPlatform, type CommandResult, type PlatformOptions } from './platform.ts'
export { until } from './poll.ts'
