import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from './spawned.mjs'

const dist = join(root, 'dist')
const file = readdirSync(dist).find((name) => /^runtime-.*\.cjs$/.test(name))
const modules = createRequire(import.meta.url)(join(dist, file))

/** What a module of `src` exports, in the program as it is shipped. */
export function runtimeModule(path) {
  return modules[path]
}
