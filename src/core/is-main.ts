import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/** True in the script that was started (`node script.js`, `node .`, `cowait exec script.ts`); false in a worker and in imported modules. */
export function isMain(meta: ImportMeta): boolean {
  if ((globalThis as { [key: symbol]: unknown })[Symbol.for('cowait.worker')] || !process.argv[1]) return false
  try {
    // Node takes a folder, and a name without its ending, for a file; what it keeps of them is the path as it was given.
    const started = createRequire(meta.url).resolve(process.argv[1])
    return realpathSync(started) === realpathSync(fileURLToPath(meta.url))
  } catch {
    return false
  }
}
