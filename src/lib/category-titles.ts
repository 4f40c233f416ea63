/**
 * What the categories that ship with Stairgate are called in each language: they stand in EXTRA-TEXT and
 * on the pages that families read. Short, since a text of 80 octets ends with them.
 */

import type { Language } from './messages.ts';

type Titles = Readonly<Record<Language, string>>;

/** By id; the English ones are those of `blocklists/categories.yaml`. */
export const CATEGORY_TITLES: Readonly<Record<string, Titles>> = {
  adult: {
    en: 'Adult content',
    ru: 'Для взрослых',
    be: 'Для дарослых',
    pl: 'Treści dla dorosłych',
    de: 'Inhalte für Erwachsene',
  },
  gambling: {
    en: 'Gambling',
    ru: 'Азартные игры',
    be: 'Азартныя гульні',
    pl: 'Hazard',
    de: 'Glücksspiel',
  },
  dating: {
    en: 'Dating and strangers',
    ru: 'Знакомства',
    be: 'Знаёмствы',
    pl: 'Randki i obcy',
    de: 'Dating und Fremde',
  },
  social: {
    en: 'Social networks',
    ru: 'Социальные сети',
    be: 'Сацыяльныя сеткі',
    pl: 'Sieci społecznościowe',
    de: 'Soziale Netzwerke',
  },
  video: {
    en: 'Video and streaming',
    ru: 'Видео',
    be: 'Відэа',
    pl: 'Wideo i streaming',
    de: 'Video und Streaming',
  },
  games: { en: 'Games', ru: 'Игры', be: 'Гульні', pl: 'Gry', de: 'Spiele' },
  messengers: {
    en: 'Messengers',
    ru: 'Мессенджеры',
    be: 'Месенджары',
    pl: 'Komunikatory',
    de: 'Messenger',
  },
  drugs: { en: 'Drugs', ru: 'Наркотики', be: 'Наркотыкі', pl: 'Narkotyki', de: 'Drogen' },
  violence: { en: 'Violence', ru: 'Насилие', be: 'Гвалт', pl: 'Przemoc', de: 'Gewalt' },
  'self-harm': {
    en: 'Self-harm',
    ru: 'Вред себе',
    be: 'Шкода сабе',
    pl: 'Samookaleczanie',
    de: 'Selbstverletzung',
  },
  hate: { en: 'Hate', ru: 'Ненависть', be: 'Нянавісць', pl: 'Nienawiść', de: 'Hass' },
  malware: {
    en: 'Malware',
    ru: 'Вредоносные программы',
    be: 'Шкодныя праграмы',
    pl: 'Złośliwe oprogramowanie',
    de: 'Schadsoftware',
  },
  phishing: { en: 'Phishing', ru: 'Фишинг', be: 'Фішынг', pl: 'Phishing', de: 'Phishing' },
  ads: {
    en: 'Advertising and tracking',
    ru: 'Реклама и слежка',
    be: 'Рэклама і сачэнне',
    pl: 'Reklamy i śledzenie',
    de: 'Werbung und Tracking',
  },
  piracy: { en: 'Piracy', ru: 'Пиратство', be: 'Пірацтва', pl: 'Piractwo', de: 'Raubkopien' },
  bypass: {
    en: 'Ways round the filter',
    ru: 'Обход фильтра',
    be: 'Абыход фільтра',
    pl: 'Obchodzenie filtra',
    de: 'Umgehung des Filters',
  },
  protected: {
    en: 'Protected names',
    ru: 'Защищённые имена',
    be: 'Абароненыя імёны',
    pl: 'Chronione nazwy',
    de: 'Geschützte Namen',
  },
  health: {
    en: 'Health and growing up',
    ru: 'Здоровье',
    be: 'Здароўе і сталенне',
    pl: 'Zdrowie i dorastanie',
    de: 'Gesundheit und Erwachsenwerden',
  },
  abuse: {
    en: 'Spying and shaming',
    ru: 'Слежка и травля',
    be: 'Сачэнне і здзекі',
    pl: 'Szpiegowanie i nękanie',
    de: 'Ausspähen und Bloßstellen',
  },
};

/**
 * @param title of the category as it is stored: one that somebody has changed stays as it is
 */
export function categoryTitle(id: string, title: string, language: Language): string {
  const titles = Object.hasOwn(CATEGORY_TITLES, id) ? CATEGORY_TITLES[id] : undefined;
  return titles?.en === title ? titles[language] : title;
}
