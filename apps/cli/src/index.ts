export { optionsOf, runProgram, type Program } from './cli.ts'
export type { Command, World } from './command.ts'
export { kubelessProgram } from './commands/kubeless.ts'
export { weftProgram } from './program.ts'
