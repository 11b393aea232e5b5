// What an auditor of accessibility finds on a page, shadow roots and all: WCAG 2.2 AA by axe-core.

import assert from 'node:assert/strict';
import axe from 'axe-core';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const GRAVE = ['serious', 'critical'];

/** Fails with every grave finding on the page as it is now, and where. */
export async function assertAccessible(page, what) {
  await page.load(axe.source);
  const violations = await page.run(async (tags) => {
    const options = { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] };
    const { violations } = await window.axe.run(document, options);
    return violations.map(({ id, impact, help, nodes }) => ({
      id,
      impact,
      help,
      where: nodes.map(({ target, html, failureSummary }) => `${target.flat().join(' > ')} ${html.slice(0, 120)} ${failureSummary}`),
    }));
  }, TAGS);
  const grave = violations.filter(({ impact }) => GRAVE.includes(impact));
  const lines = grave.map(({ id, impact, help, where }) => `${impact} ${id}: ${help}\n  ${where.slice(0, 5).join('\n  ')}`);
  assert.equal(lines.length, 0, `axe on ${what}:\n${lines.join('\n')}`);
}
