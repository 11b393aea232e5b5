// What an auditor of accessibility finds on a page, shadow roots and all: WCAG 2.2 AA by axe-core.

import axe from 'axe-core';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const GRAVE = ['serious', 'critical'];

/** Every grave finding on the page as it is now, and where: as lines to read. */
export async function graveFindings(page, what) {
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
  return grave.map(({ id, impact, help, where }) => `${what}: ${impact} ${id}: ${help}\n  ${where.slice(0, 5).join('\n  ')}`);
}
