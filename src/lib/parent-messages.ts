/**
 * Sentences for parents: what the radar saw, and how far a number can be trusted. Each is calm, says
 * what else it may be, and asks for a talk rather than a ban. They are read in a console or a letter
 * and never stand in a DNS response. Numbers stand so that no language must bend a word to them.
 */

import type { Language } from './messages.ts';

interface ParentMessages {
  readonly bypassAsked: string;
  readonly tunnelLike: string;
  readonly wentSilent: string;
  readonly usageIsEstimated: string;
}

export const PARENT_MESSAGES: Readonly<Record<Language, ParentMessages>> = {
  en: {
    bypassAsked:
      'Services that lead around the filter were asked for (queries on this day: {count}); apps often do that by themselves, so a calm question helps more than a ban.',
    tunnelLike:
      'Names were asked that look like data packed into DNS, as some VPN apps do it (minutes on this day: {count}); it may be a harmless app, so ask before you judge.',
    wentSilent:
      'From {from} to {until} nothing came from this profile, though it is usually active then and others at home were; its devices may simply be off, away or on another network.',
    usageIsEstimated: 'Minutes of use are estimated from DNS queries and may be a little off.',
  },
  ru: {
    bypassAsked:
      'Были запросы к сервисам, которые помогают обойти фильтр (запросов за этот день: {count}); приложения часто делают это сами, поэтому спокойный разговор полезнее запрета.',
    tunnelLike:
      'Запрашивались имена, похожие на данные, упакованные в DNS, как делают некоторые приложения VPN (минут за этот день: {count}); возможно, это безобидное приложение, поэтому сначала спросите.',
    wentSilent:
      'С {from} до {until} от этого профиля ничего не приходило, хотя обычно он в это время активен, а другие дома были в сети; возможно, устройства просто выключены, не дома или в другой сети.',
    usageIsEstimated:
      'Минуты использования оценены по запросам DNS и могут быть немного неточными.',
  },
  be: {
    bypassAsked:
      'Былі запыты да сэрвісаў, якія дапамагаюць абысці фільтр (запытаў за гэты дзень: {count}); праграмы часта робяць гэта самі, таму спакойная размова карысней за забарону.',
    tunnelLike:
      'Запытваліся імёны, падобныя да даных, упакаваных у DNS, як робяць некаторыя праграмы VPN (хвілін за гэты дзень: {count}); магчыма, гэта бяскрыўдная праграма, таму спачатку спытайце.',
    wentSilent:
      'З {from} да {until} ад гэтага профілю нічога не прыходзіла, хоць звычайна ён у гэты час актыўны, а іншыя дома былі ў сетцы; магчыма, прылады проста выключаны, не дома або ў іншай сетцы.',
    usageIsEstimated:
      'Хвіліны карыстання ацэнены паводле запытаў DNS і могуць быць крыху недакладнымі.',
  },
  pl: {
    bypassAsked:
      'Pojawiły się zapytania o usługi, które omijają filtr (zapytań tego dnia: {count}); aplikacje często robią to same, więc spokojna rozmowa pomoże bardziej niż zakaz.',
    tunnelLike:
      'Pytano o nazwy, które wyglądają jak dane zapakowane w DNS, jak robią to niektóre aplikacje VPN (minut tego dnia: {count}); może to być nieszkodliwa aplikacja, więc najpierw zapytaj.',
    wentSilent:
      'Od {from} do {until} z tego profilu nic nie przyszło, choć zwykle jest wtedy aktywny, a inni w domu byli w sieci; urządzenia mogą być po prostu wyłączone, poza domem lub w innej sieci.',
    usageIsEstimated:
      'Minuty korzystania są oszacowane na podstawie zapytań DNS i mogą być nieco niedokładne.',
  },
  de: {
    bypassAsked:
      'Es wurde nach Diensten gefragt, die am Filter vorbeiführen (Anfragen an diesem Tag: {count}); Apps tun das oft von selbst, ein ruhiges Gespräch hilft daher mehr als ein Verbot.',
    tunnelLike:
      'Es wurden Namen gefragt, die wie in DNS verpackte Daten aussehen, so wie es manche VPN-Apps tun (Minuten an diesem Tag: {count}); es kann eine harmlose App sein, fragen Sie also erst nach.',
    wentSilent:
      'Von {from} bis {until} kam von diesem Profil nichts, obwohl es um diese Zeit sonst aktiv ist und andere zu Hause es waren; vielleicht sind die Geräte nur aus, unterwegs oder in einem anderen Netz.',
    usageIsEstimated: 'Nutzungsminuten sind aus DNS-Anfragen geschätzt und können etwas abweichen.',
  },
};
