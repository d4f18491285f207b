#!/usr/bin/env node
import { useCompileCache } from './compile-cache.ts'

useCompileCache(process.env)
const [{ runProgram }, { kubelessProgram }, { processWorld }] = await Promise.all([import('./cli.ts'), import('./commands/kubeless.ts'), import('./world.ts')])

process.exitCode = await runProgram(kubelessProgram, process.argv.slice(2), processWorld())
