#!/usr/bin/env node
import { useCompileCache } from './compile-cache.ts'

useCompileCache(process.env)
const [{ runProgram }, { weftProgram }, { processWorld }] = await Promise.all([import('./cli.ts'), import('./program.ts'), import('./world.ts')])

process.exitCode = await runProgram(weftProgram, process.argv.slice(2), processWorld())
