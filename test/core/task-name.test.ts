import { expect, test } from 'vitest'
import { taskName } from '../../src/core/task-name.ts'

test('a task is named by module and export, or by the module alone', () => {
  expect(taskName({ module: 'crawl/page', export: 'fetch' })).toBe('crawl/page:fetch')
  expect(taskName({ module: 'crawl/page', export: '', ordinal: 2 })).toBe('crawl/page')
})
