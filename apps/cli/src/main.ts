#!/usr/bin/env node
import { runProgram } from './cli.ts'
import { weftProgram } from './program.ts'
import { processWorld } from './world.ts'

process.exitCode = await runProgram(weftProgram, process.argv.slice(2), processWorld())
