import { CollectedMode } from './collected.ts'
import { HttpMode } from './http.ts'
import type { Mode, ModeParts } from './mode.ts'
import { StaticMode } from './static.ts'
import { StreamingMode } from './streaming.ts'

function requireCommand({ config }: ModeParts): void {
  if (config.command !== undefined && config.command.trim() !== '') return
  throw new Error(`mode=${config.mode} needs a program: name it with --fprocess, for example --fprocess "python3 handler.py"`)
}

/** Starts the mode of a replica. @throws Error that says what is missing */
export async function startMode(parts: ModeParts): Promise<Mode> {
  const { mode } = parts.config
  if (mode !== 'static') requireCommand(parts)
  switch (mode) {
    case 'classic':
    case 'serializing':
      return new CollectedMode(parts, mode)
    case 'streaming':
      return new StreamingMode(parts)
    case 'http':
      return HttpMode.start(parts)
    case 'static':
      return new StaticMode(parts)
    default:
      return mode satisfies never
  }
}
