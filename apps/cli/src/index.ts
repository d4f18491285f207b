export { runProgram, type Program } from './cli.ts'
export { weftProgram } from './program.ts'
