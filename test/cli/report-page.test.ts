import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { reportData } from '../../src/cli/report/report-data.ts'
import { reportPage } from '../../src/cli/report/report-page.ts'
import { Story } from './stories.ts'

const executablePath = ['chromium', 'chromium-browser', 'google-chrome']
  .map((name) => spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim())
  .find((path) => path !== '')

const FANNED_OUT = 10_000
const THE_UNLUCKY = 7_777

/** A root whose calls are many, of which one fails. */
function largeStory(): Story {
  const story = new Story().create('all-aaaa1111', null, 'jobs/all').start('all-aaaa1111')
  const ids = Array.from({ length: FANNED_OUT }, (_, n) => `square-${n.toString(36).padStart(8, '0')}`)
  for (const [n, id] of ids.entries()) story.create(id, 'all-aaaa1111', 'jobs/square', JSON.stringify({ n }))
  for (const [n, id] of ids.entries()) {
    story.start(id, 2)
    story.log(id, `squaring ${n}`, n % 100 === 0 ? 'stderr' : 'stdout')
    if (n !== THE_UNLUCKY) story.done(id, String(n * n))
  }
  const path = [
    { id: 'all-aaaa1111', task: 'jobs/all:all' },
    { id: ids[THE_UNLUCKY] ?? '', task: 'jobs/square:square', at: '/home/me/app/jobs/all.ts:5:17' },
  ]
  const error = { code: 'TASK_FAILED', name: 'RangeError', message: 'too <b>unlucky</b>', stack: 'RangeError: too <b>unlucky</b>' } as const
  return story.fail(ids[THE_UNLUCKY] ?? '', error).fail('all-aaaa1111', { ...error, path })
}

describe.skipIf(executablePath === undefined)('a report of ten thousand runs, in a browser', () => {
  let folder: string
  let address: string
  let browser: Browser
  let page: Page
  const complaints: string[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cowait-page-'))
    const header = { type: 'record', version: 1, root: 'all-aaaa1111', command: ['cowait', 'run', 'all'], at: 0, pid: 1 } as const
    const file = join(folder, 'report.html')
    writeFileSync(file, reportPage(reportData({ header, events: largeStory().events })))
    address = pathToFileURL(file).href
    // A browser that root starts has no sandbox.
    browser = await chromium.launch({ ...(executablePath && { executablePath }), args: ['--no-sandbox'] })
  })

  afterAll(async () => {
    await browser.close()
    rmSync(folder, { recursive: true })
  })

  afterEach(async () => {
    await page.context().close()
    expect(complaints).toEqual([])
  })

  async function open(options: { width: number; height: number; colorScheme?: 'light' | 'dark' }): Promise<void> {
    const { width, height, colorScheme = 'light' } = options
    page = await (await browser.newContext({ viewport: { width, height }, colorScheme, offline: true })).newPage()
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(address)
    await page.locator('.row.selected').waitFor()
  }

  const detail = (): Promise<string> => page.locator('.detail').innerText()
  const logCount = (): Promise<string> => page.locator('.panel:has(.log) .count').innerText()

  test('opens at the run that failed, with the joined stack, and draws only what is in sight', async () => {
    await open({ width: 1440, height: 900 })
    expect(await page.locator('header').innerText()).toContain('10,001 runs · 2 failed')
    expect(await detail()).toContain(`"n": ${THE_UNLUCKY}`)
    expect(await detail()).toContain('RangeError: too <b>unlucky</b>')
    expect(await page.locator('.rows > *').count()).toBeLessThan(100)
    await page.getByLabel('Find runs').fill('all-aaaa')
    await expect.poll(() => page.locator('.rows > .row').count()).toBe(1)
    await page.locator('.rows > .row').first().click()
    expect(await detail()).toContain('at jobs/all:all (/home/me/app/jobs/all.ts:5:17)')
  })

  test('finds runs and log lines', async () => {
    await open({ width: 1440, height: 900 })
    expect(await logCount()).toBe('10,000 lines')
    await page.getByLabel('Search the log').fill('squaring 777')
    expect(await logCount()).toBe('11 lines')
    await page.getByLabel('errors only').check()
    expect(await logCount()).toBe('0 lines')
    await page.getByLabel('Search the log').fill('')
    expect(await logCount()).toBe('100 lines')
    await page.getByLabel('errors only').uncheck()
    await page.getByLabel('chosen run only').check()
    expect(await logCount()).toBe('1 line')
    await page.getByLabel('failed only').check()
    await expect.poll(() => page.locator('.rows > .row').count()).toBe(2)
  })

  test('is walked with the keys, and folded', async () => {
    await open({ width: 1440, height: 900 })
    await page.getByLabel('Runs', { exact: true }).focus()
    await page.keyboard.press('Home')
    await expect.poll(detail).toContain('all-aaaa1111')
    await page.keyboard.press('ArrowDown')
    await expect.poll(detail).toContain('"n": 0')
    await page.keyboard.press('End')
    await expect.poll(detail).toContain('"n": 9999')
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowLeft')
    await expect.poll(() => page.locator('.rows > .row').count()).toBe(1)
  })

  test.each([
    ['a phone', 390, 844],
    ['a small window', 800, 600],
    ['a large one', 1920, 1080],
  ])('fits %s, in light and dark', async (_what, width, height) => {
    const grounds: string[] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      await open({ width, height, colorScheme })
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      grounds.push(String(await page.evaluate('getComputedStyle(document.body).backgroundColor')))
      for (const label of ['Find runs', 'Search the log']) expect(await page.getByLabel(label).isVisible()).toBe(true)
      for (const place of ['.runs', '.detail', '.log']) expect((await page.locator(place).boundingBox())?.height).toBeGreaterThan(100)
      if (colorScheme === 'light') await page.context().close()
    }
    expect(new Set(grounds).size).toBe(2)
  })
})
