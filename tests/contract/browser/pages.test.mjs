// The pages for people in a real browser. On the page that `cimg mock` serves, a
// person reads, authorizes, sends createCIMG and reads the response; the page that
// `make docs` makes is read from disk, without a network.
//
// SCREENSHOTS=folder keeps pictures, for eyes.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { snapshotUuid, startMock } from '../mock.mjs'

let mock, browser

before(async () => {
  mock = await startMock('--job-duration', '300ms')
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', // which refuses to run as root, as CI does
      '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
  })
})
after(async () => {
  await browser?.close()
  await mock?.stop()
})

/** Opens the mock's page; what it requests elsewhere, and its errors, fail the test. */
async function open(t, options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  t.after(() => context.close())
  const page = await context.newPage()
  const strangers = [], errors = []
  page.on('request', (r) => { if (/^https?:/.test(r.url()) && !r.url().startsWith(mock.url)) strangers.push(r.url()) })
  page.on('pageerror', (e) => errors.push(e.message))
  page.on('console', (m) => { if (m.type() === 'error') errors.push(m.text()) })
  page.assertQuiet = () => assert.deepEqual({ strangers, errors }, { strangers: [], errors: [] })
  assert.equal((await page.goto(mock.url + '/')).status(), 200)
  return page
}

async function shoot(page, name) {
  if (!process.env.SCREENSHOTS) return
  mkdirSync(process.env.SCREENSHOTS, { recursive: true })
  await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) })
}

/** Opens createCIMG on the interactive page and returns its block. */
async function openCreate(page) {
  const create = page.locator('#operations-images-createCIMG')
  await create.locator('.opblock-summary-control').click()
  await create.locator('textarea').waitFor()
  return create
}

async function authorize(page, token) {
  await page.locator('button.authorize').first().click()
  const dialog = page.locator('.modal-ux')
  await dialog.locator('input').fill(token)
  await shoot(page, 'authorize')
  await dialog.locator('button[type=submit]').click()
  await dialog.locator('button.btn-done').click()
}

/** Sends a body and returns the response as it is shown. */
async function send(create, body) {
  if (body !== undefined) await create.locator('textarea').fill(body)
  await create.locator('button.execute').click()
  const response = create.locator('.live-responses-table .response')
  await response.locator('.response-col_description .microlight').first().waitFor()
  const shown = await response.locator('.response-col_description .microlight').first().innerText()
  return { status: (await response.locator('.response-col_status').innerText()).trim(), ...JSON.parse(shown) }
}

test('a person authorizes, creates an image and reads the response', async (t) => {
  const page = await open(t)
  await page.getByText('nothing sent from here reaches DiDi Cloud').waitFor()
  await page.locator('code', { hasText: mock.token }).waitFor()
  await page.locator('#operations-images-createCIMG').waitFor()
  await shoot(page, 'interactive')

  await authorize(page, mock.token)
  const create = await openCreate(page)
  const example = JSON.parse(await create.locator('textarea').inputValue())
  assert.equal(example.cimg[0].snapUuid, snapshotUuid, "the contract's example is what is sent unless it is edited")

  const sent = page.waitForRequest((r) => r.method() === 'POST')
  const response = await send(create)
  assert.equal((await sent).url(), mock.url + '/dicloud/i/storage/cimg/create')
  assert.equal(response.status, '200')
  assert.equal(response.errno, 0)
  assert.match(response.data[0].jobUuid, /^[0-9a-f]{32}$/)
  assert.equal(response.data[0].type, 'CreateCIMG')
  await create.locator('.live-responses-table').scrollIntoViewIfNeeded()
  await shoot(page, 'created')
  page.assertQuiet()

  const jobs = await fetch(`${mock.url}/dicloud/i/result?regionId=gz&jobUuids=${response.data[0].jobUuid}`, {
    headers: { authorization: `Bearer ${mock.token}` },
  })
  assert.equal((await jobs.json()).data[0].jobUuid, response.data[0].jobUuid, 'the job is there')
})

test('a bad body is answered with the errno and the reason', async (t) => {
  const page = await open(t)
  await authorize(page, mock.token)
  const create = await openCreate(page)

  const incomplete = await send(create, JSON.stringify({ regionId: 'gz', cimg: [{ name: 'web-01' }] }))
  assert.notEqual(incomplete.errno, 0)
  assert.match(incomplete.errmsg, /snapUuid/)
  await create.locator('.live-responses-table').scrollIntoViewIfNeeded()
  await shoot(page, 'rejected')
  page.assertQuiet()
})

test('without the token, or with another, nothing is created', async (t) => {
  const page = await open(t)
  const create = await openCreate(page)
  assert.equal((await send(create)).errno, 4)
  await create.locator('button.btn-clear').click() // so that the next response is not taken for this one
  await authorize(page, 'f'.repeat(64))
  assert.equal((await send(create)).errno, 4)
  page.assertQuiet()
})

test('on a phone, nothing is cut off at the side', async (t) => {
  const page = await open(t, { viewport: { width: 375, height: 700 } })
  const assertFits = async () => assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 375)
  await page.locator('#operations-images-createCIMG').waitFor()
  await assertFits()
  await shoot(page, 'phone')
  await authorize(page, mock.token)
  const create = await openCreate(page)
  await assertFits()
  assert.equal((await send(create)).errno, 0)
  await create.locator('.live-responses-table').scrollIntoViewIfNeeded()
  await assertFits()
  await shoot(page, 'phone-created')
  page.assertQuiet()
})

test('a query carries several jobs in one parameter', async (t) => {
  const page = await open(t)
  await authorize(page, mock.token)
  const result = page.locator('#operations-jobs-getJobResult')
  await result.locator('.opblock-summary-control').click()
  const sent = page.waitForRequest((r) => r.url().includes('/dicloud/i/result'))
  await result.locator('button.execute').click()
  assert.match(new URL((await sent).url()).search, /^\?regionId=gz&jobUuids=[0-9a-f]{32}(,|%2C)[0-9a-f]{32}$/)
})

test('the whole description unfolds, and nothing of it is cut off', async (t) => {
  for (const [name, width] of Object.entries({ wide: 1280, narrow: 420, phone: 375 })) {
    const page = await open(t, { viewport: { width, height: 900 } })
    const operation = page.locator('#operations-images-createCIMG')
    await operation.waitFor()
    assert.ok(width < 1000 || (await operation.boundingBox()).y < 900, 'the operations begin on the first screen')
    for (const summary of await page.locator('.info summary').all()) await summary.click()
    await page.getByRole('cell', { name: '16000002' }).waitFor()
    const form = page.locator('details', { hasText: 'Two request forms' }).locator('pre')
    assert.match(await form.innerText(), /"cimg": \{\s*"name"/)
    const { x, width: column } = await page.getByRole('columnheader', { name: 'anything changed?' }).boundingBox()
    assert.ok(x + column <= width, name)
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width)
    await shoot(page, `description-${name}`)
    page.assertQuiet()
  }
})

test('the browser sends nothing from the page to anybody but the mock', async (t) => {
  const page = await open(t)
  const blocked = await page.evaluate(() => new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective))
    fetch('https://production.example/').then(() => resolve('nothing'), () => {})
  }))
  assert.equal(blocked, 'connect-src')
})

test('make docs makes one file that works without a network', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'cimg-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'cimg.html')
  execFileSync('npm', ['run', '--silent', 'docs', file], { cwd: new URL('..', import.meta.url), stdio: 'pipe' })

  for (const [name, options] of Object.entries({
    docs: {}, 'docs-dark': { colorScheme: 'dark' }, 'docs-phone': { viewport: { width: 375, height: 700 } },
  })) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, offline: true, ...options })
    t.after(() => context.close())
    const left = [], errors = [] // a request that the page's policy blocks does not leave the page
    await context.route(/^(?!file:|data:|blob:)/, (route) => { left.push(route.request().url()); return route.abort() })
    const page = await context.newPage()
    page.on('pageerror', (e) => errors.push(e.message))
    await page.goto(pathToFileURL(file).href)
    await page.getByRole('heading', { name: 'Two request forms' }).waitFor()
    await shoot(page, name)

    await page.keyboard.press('Control+k')
    await page.keyboard.type('importCIMG')
    await page.getByText('/dicloud/i/storage/cimg/import').last().click()
    await page.waitForURL(/importcimg/)
    await page.getByRole('heading', { name: /跨地域复制镜像/ }).waitFor()
    await shoot(page, `${name}-operation`)
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), name)
    assert.deepEqual({ left, errors }, { left: [], errors: [] }, name)
  }
})

test('the contract is served as it is', async () => {
  const response = await fetch(mock.url + '/openapi.yaml')
  assert.equal(await response.text(), readFileSync(new URL('../../../openapi.yaml', import.meta.url), 'utf8'))
})
