import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'

/** A program and its arguments. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
  /** As the user wrote it. */
  readonly text: string
}

/** Splits a command line as the watchdogs do: at each space, without a meaning for quotes. Empty words are left out. */
export function splitCommand(text: string): Command {
  const [program = '', ...args] = text.split(' ').filter((word) => word !== '')
  return { program, args, text }
}

/** Whether a command line has quotes, which mean nothing in it. */
export const hasQuotes = (text: string): boolean => /["']/.test(text)

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true

/** Finds the file of a program: by its path, or on PATH. @throws Error that says what to do */
export function findProgram(program: string, path: string): string {
  if (program.includes('/')) {
    const file = resolve(program)
    if (executable(file)) return file
    if (isFile(file)) throw new Error(`the program ${program} is not executable: make it so (chmod +x), or name its interpreter, for example: sh ${program}`)
    throw new Error(`the program ${program} is not there: put it into the source of the function`)
  }
  const found = path
    .split(delimiter)
    .filter((directory) => directory !== '')
    .map((directory) => `${directory}/${program}`)
    .find(executable)
  if (found !== undefined) return found
  const hint = isFile(resolve(program))
    ? `call it ./${program}, or name its interpreter`
    : `install it on this machine, or put it into the source and call it ./${program}`
  throw new Error(`the program ${program} was not found on PATH (${path}): ${hint}`)
}
