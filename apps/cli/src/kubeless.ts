#!/usr/bin/env node
import { runProgram } from './cli.ts'
import { kubelessProgram } from './commands/kubeless.ts'
import { processWorld } from './world.ts'

process.exitCode = await runProgram(kubelessProgram, process.argv.slice(2), processWorld())
