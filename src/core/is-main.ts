import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** True in the script that was started (`node script.js`, `cowait exec script.ts`); false in a worker and in imported modules. */
export function isMain(meta: ImportMeta): boolean {
  if ((globalThis as { [key: symbol]: unknown })[Symbol.for('cowait.worker')] || !process.argv[1]) return false
  try {
    return realpathSync(process.argv[1]) === realpathSync(fileURLToPath(meta.url))
  } catch {
    return false
  }
}
