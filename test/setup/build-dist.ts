import { build, isStale } from '../../scripts/build.mjs'

/** Worker processes run from `dist`; it is built when a source is newer. */
export async function setup(): Promise<void> {
  if (!(await isStale())) return
  try {
    await build({ bundleOnly: true })
  } catch (error) {
    if (process.env['CI']) throw error
    process.stderr.write(`dist could not be built; tests that start processes use what is there.\n${String(error)}\n`)
  }
}
