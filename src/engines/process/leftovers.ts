/** What supervisors that are gone left behind on this host: workers, found by their mark, and private folders beside our own. */
import { lstat, readFile, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { killMarked } from './kill.ts'
import { bootId, homeText, isLiving, ownerMark, parseHome, type Home } from './marker.ts'
import type { ProcessTable } from './process-table.ts'

/** Says in a private folder whose it is: the supervisor's process and the boot of the host it ran in. */
const OWNER_FILE = 'owner'

/** Claims a private folder, so that another supervisor's sweep knows when it may go. */
export function claimFolder(directory: string, home: Home): void {
  writeFileSync(join(directory, OWNER_FILE), `${homeText(home)} ${bootId()}\n`, { mode: 0o600 })
}

/** Ends the workers of supervisors whose process is gone; answers how many there were. */
export async function sweepWorkers(table: ProcessTable): Promise<number> {
  const workers = new Set<string>()
  const owners = new Map<string, { home: Home; isGone: boolean }>()
  for (const { mark } of await table.marks()) {
    const key = ownerMark(mark.home, mark.owner)
    const owner = owners.get(key) ?? { home: mark.home, isGone: (await isLiving(mark.home)) === false }
    owners.set(key, owner)
    if (owner.isGone) workers.add(`${key}${mark.id}`)
  }
  const gone = [...owners].filter(([, { isGone }]) => isGone)
  await Promise.all(gone.map(([mark]) => killMarked(table, mark)))
  return workers.size
}

/** Removes the private folders of supervisors whose process is gone; what nobody claimed stays. */
export async function sweepFolders(directory: string): Promise<void> {
  const parent = dirname(directory)
  for (const name of await readdir(parent)) {
    const folder = join(parent, name)
    if (folder !== directory && (await isLeftFolder(folder))) await rm(folder, { recursive: true, force: true })
  }
}

async function isLeftFolder(folder: string): Promise<boolean> {
  const status = await lstat(folder).catch(() => undefined)
  if (!status?.isDirectory() || status.uid !== process.getuid?.()) return false
  const [text = '', boot = ''] = (await readFile(join(folder, OWNER_FILE), 'utf8').catch(() => '')).trim().split(' ')
  const home = parseHome(text)
  if (!home) return false
  return boot !== bootId() || (await isLiving(home)) === false
}
