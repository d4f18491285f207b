export { Builder, openBuilder, type BuilderOptions } from './builder.ts'
export { DEFAULT_BUILD_LIMITS, type BuildLimits } from './limits.ts'
export { chooseRuntime, RUNTIMES, RUNTIME_NAMES, type RuntimeChoice, type RuntimeEntry } from './runtimes.ts'
