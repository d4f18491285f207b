/** `npm run reference`: writes `docs/reference/` from the code. A test holds the two equal. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { referencePages } from './reference/pages.ts'

const directory = fileURLToPath(new URL('../docs/reference/', import.meta.url))
mkdirSync(directory, { recursive: true })
for (const [name, text] of Object.entries(referencePages())) writeFileSync(`${directory}${name}`, text)
