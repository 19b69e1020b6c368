import { task, settled, TaskFailedError } from 'cowait'
class QuotaError extends Error {
  override name = 'QuotaError'
  retryAfter = 30
}
export const flaky = task({
  retry: { attempts: 3, delay: '50ms' },
  timeout: '30s',
  errors: [QuotaError],
  async run({ failures }: { failures: number }, { attempt, log }) {
    log.info('trying', { attempt })
    if (attempt <= failures) throw new QuotaError('over quota', { cause: new TypeError('429') })
    return { attempt }
  },
})
export const retries = task(async () => {
  const [good, bad] = await settled([flaky({ failures: 2 }), flaky({ failures: 9 }, { retry: 1 })])
  if (bad.ok || !(bad.error instanceof TaskFailedError)) throw new Error('impossible')
  const e = bad.error.cause
  return { good, seconds: e instanceof QuotaError ? e.retryAfter : null, inner: String(e.cause) }
})
